import { resolve } from 'node:path'
import { iconSprite } from './icon-sprite.ts'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  base: '/static/dist/',
  plugins: [react(), tailwindcss(), iconSprite()],
  build: {
    manifest: 'manifest.json',
    outDir: 'dist',
    emptyOutDir: true,
    chunkSizeWarningLimit: 2000,
    rollupOptions: {
      input: {
        page: resolve(import.meta.dirname, 'src/app/page.ts'),
        editor: resolve(import.meta.dirname, 'src/app/editor.tsx'),
        run: resolve(import.meta.dirname, 'src/app/run.tsx'),
      },
    },
  },
})
